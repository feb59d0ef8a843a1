-- How a source was read last, so that it stands as it did while it cannot be read, and after it was
-- taken out of the configuration until a crawl prunes it.
ALTER TABLE source ADD COLUMN settings TEXT;     -- JSON, the crawl's own; null before the first crawl that wrote it
