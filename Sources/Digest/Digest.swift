// Digest: see ARCHITECTURE.md.
