"""The Parquet data catalog: what is in it, where it came from, and proof that it has not changed since."""
