"""Where the platform's metadata is kept. ``metadata_store.MetadataStore`` is the only door."""
