// Certificates: see ARCHITECTURE.md.
