"""USD-M futures."""
