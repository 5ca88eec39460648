-- The tenant role may do what its statements do, and no more: rows that are kept for ever are not deleted, keys are inserted and
-- deleted but never changed, and of its own row a tenant changes neither name, state nor limits.
REVOKE DELETE ON resource, event, event_head, resource_count, group_change, mapping_revision, credential FROM scimgate_tenant;
REVOKE UPDATE ON unique_key, resource_key, membership, member_ref, mapping_revision FROM scimgate_tenant;
REVOKE UPDATE ON tenant FROM scimgate_tenant;
GRANT UPDATE (active_mapping, schema_revision, config_epoch, modified_at, client_profile, allowed, refused, recognised, recognised_by,
  recognised_strength, recognised_at, search_attributes, search_ready, key_layout, awaits_references) ON tenant TO scimgate_tenant;
