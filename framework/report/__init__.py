"""From a finished run to what a person reads: one HTML page, tables as Parquet, and a summary."""
