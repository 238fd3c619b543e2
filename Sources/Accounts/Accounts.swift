// Accounts: see ARCHITECTURE.md.
