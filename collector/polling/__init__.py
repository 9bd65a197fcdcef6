"""One round over all pools: which are asked, how often, in which order, and the rows that it makes."""
