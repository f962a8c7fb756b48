"""PROCESS: people settle the unsure. Dashboard, JSON API and metrics come to live here; nothing does yet."""
