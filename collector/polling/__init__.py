"""One round over all pools: which pools are asked, how often and in which order, and the rows of the round."""
