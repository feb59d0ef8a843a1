-- The environment that [[names]] rules give an asset's name; '' for prod.
ALTER TABLE asset_state ADD COLUMN environment TEXT NOT NULL DEFAULT '';
