"""The texts of the pages in each language, and which language a request is answered in."""
