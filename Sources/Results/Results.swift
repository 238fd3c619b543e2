// Results: see ARCHITECTURE.md.
