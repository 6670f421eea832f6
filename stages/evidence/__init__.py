"""What the predictions show: metrics, tables and figures."""
