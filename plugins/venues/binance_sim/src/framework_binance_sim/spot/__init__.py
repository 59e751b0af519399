"""Spot trading."""
