"""The journal: append-only, checksummed records on disk, the only seam between relay and watch. See FORMAT.md."""
