"""The risk rule contract, the gate every order passes, and the latch that stops everything."""
