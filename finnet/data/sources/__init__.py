"""Optional online sources: each fetches once into a cache folder, and the readers of files take over from there."""
