"""The client of the ModelArts API: requests, credentials, and the names of what can fail."""
