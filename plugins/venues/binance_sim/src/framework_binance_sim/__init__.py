"""A simulated Binance, in a process of its own: what clients of the real one connect to without the internet."""
