// Administration: see ARCHITECTURE.md.
