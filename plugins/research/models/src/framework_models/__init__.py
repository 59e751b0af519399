"""Features of bars, and the models made from them."""
