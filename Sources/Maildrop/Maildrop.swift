// Maildrop: see ARCHITECTURE.md.
