-- How much may be sent for a tenant: requests at once, and requests a second with the burst after a pause. Null follows the
-- default of the process.
ALTER TABLE tenant ADD COLUMN max_requests integer, ADD COLUMN rate integer, ADD COLUMN burst integer;
