"""A simulated Binance in a process of its own: clients of the real one connect to it without the internet."""
