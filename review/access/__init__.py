"""Who gets in, and what is kept out: sessions, tokens, passwords, and the protection of every route."""
