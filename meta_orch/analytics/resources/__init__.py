"""What is in use and wanted of pools, orchestrators and what they share, and who collides there."""
