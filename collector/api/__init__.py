"""The client of the ModelArts API: what is asked, with which credential, and what counts as which failure."""
