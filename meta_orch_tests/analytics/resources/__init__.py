"""What is in use and wanted."""
