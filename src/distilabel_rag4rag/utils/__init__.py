"""What every part needs and no library has: cache folder, threads."""
