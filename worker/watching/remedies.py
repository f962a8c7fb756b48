"""What to do about images that got no tag, by the reason."""

REMEDIES = {
    "not_found": "nothing; if it comes back, it is tagged",
    "access_denied": "allow it to be read; the next scans try again",
    "archived": "restore it from the archive; the next scans try again",
    "too_large": "raise TAGGER_MAX_IMAGE_BYTES, if it is meant to be so large",
    "too_many_pixels": "raise TAGGER_MAX_IMAGE_PIXELS, or store it smaller",
    "empty": "upload it again",
    "unsupported_format": "store it as JPEG, PNG or WebP, or leave it out by TAGGER_IGNORE",
    "corrupt": "upload it again",
    "changed_during_read": "nothing; the next scan finds the new version",
    "key_not_supported": "rename it",
    "superseded": "nothing; the new version is queued",
    "store_unavailable": "look at the store, then tagger reprocess --failed --reason store_unavailable",
    "crashed_worker": "report the image, then leave it out; after an upgrade --failed-under tries again",
    "too_slow": "store it smaller, or raise TAGGER_IMAGE_DEADLINE_S",
    "internal": "report it with the worker's log; after an upgrade --failed-under tries again",
}
