// Workload: see ARCHITECTURE.md.
