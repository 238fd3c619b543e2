// LoadGenerator: see ARCHITECTURE.md.
