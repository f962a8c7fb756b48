"""The object store: four verbs over a folder or any S3 server."""
