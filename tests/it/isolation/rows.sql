INSERT INTO tenant (id, name, created_at, modified_at) VALUES ('$T', 't' || right('$T', 4), now(), now());
INSERT INTO credential (tenant_id, id, scope, digest, last_four, created_at)
  VALUES ('$T', '$T', 'scim', sha256('$T'), 'last', now());
INSERT INTO schema_definition (tenant_id, id, resource_type, directory_only, definition, created_at)
  VALUES ('$T', 'urn:x', 'User', false, '{}', now());
INSERT INTO resource_type_definition (tenant_id, name, definition, created_at) VALUES ('$T', 'Device', '{}', now());
INSERT INTO schema_change (tenant_id, definitions, holder, until) VALUES ('$T', '{}', '$T', now() + interval '1 year');
INSERT INTO mapping_revision (tenant_id, revision, on_failure, steps, created_at) VALUES ('$T', 1, 'keep', '[]', now());
INSERT INTO mapping_reason (tenant_id, id, state, revision, step, plugin, reason, since, at, actor, request_id) VALUES ('$T', '$T', 'excluded', 1, 1, 'p@1', 'why', now(), now(), 'a', 'r');
INSERT INTO removal_slot (tenant_id, kind, slot, minutes, counts) VALUES ('$T', 'user', 0, '{1}', '{1}');
INSERT INTO held_reference (tenant_id, group_id, value, batch_id) VALUES ('$T', '$T', 'v', '$T');
INSERT INTO held_batch (tenant_id, id, cause, state, passed, opened_at, actor, request_id) VALUES ('$T', '$T', 'threshold', 'open', 1, now(), 'a', 'r');
INSERT INTO held (tenant_id, id, resource_type, batch_id, kind, event, source, next_state, next_revision, since, at, actor, request_id) VALUES ('$T', '$T', 'User', '$T', 'deleted', 'user.deleted', '{}', 'same', 0, now(), now(), 'a', 'r');
INSERT INTO held_member (tenant_id, group_id, member_id, member_type, batch_id, at, actor, request_id) VALUES ('$T', '$T', '$T', 'User', '$T', now(), 'a', 'r');
INSERT INTO mapping_plan (tenant_id, revision, id, base_mapping, schema_revision, seed, total, report, begun_at)
  VALUES ('$T', 1, '$T', 0, 0, 0, 0, '{}', now());
INSERT INTO mapping_shadow (tenant_id, revision, process, report, dropped, at) VALUES ('$T', 1, '$T', '{}', 0, now());
INSERT INTO directory_schema (tenant_id, rules, changed_at, changed_by) VALUES ('$T', '[]', now(), 'a');
INSERT INTO group_rules (tenant_id, rules, changed_at, changed_by, settled) VALUES ('$T', '[]', now(), 'a', true);
INSERT INTO announced_group (tenant_id, group_id, grants) VALUES ('$T', '$T', '[]');
INSERT INTO announced_grant (tenant_id, group_id, member_id, grants) VALUES ('$T', '$T', '$T', '[]');
INSERT INTO directory_check (tenant_id, id, rules, applies, schema_revision, total, report, begun_at) VALUES ('$T', '$T', '[]', true, 1, 1, '{}', now());
INSERT INTO mapped_unique (tenant_id, resource_type, attribute, key, id, seen, next) VALUES ('$T', 'User', '1 title', 'dr', '$T', true, true);
INSERT INTO planned_unique (tenant_id, run, resource_type, attribute, key, id) VALUES ('$T', '$T', 'User', '1 title', 'dr', '$T');
INSERT INTO planned_conflict (tenant_id, run, id) VALUES ('$T', '$T', '$T');
INSERT INTO resource (tenant_id, id, resource_type, active, source, mapping_state, mapping_revision, version, created_at,
  modified_at) VALUES ('$T', '$T', 'User', true, '{}', 'same', 0, 1, now(), now());
INSERT INTO unique_key (tenant_id, resource_type, attribute, key, id) VALUES ('$T', 'User', 'userName', 'ada', '$T');
INSERT INTO search_key (tenant_id, h, id) VALUES ('$T', 1, '$T');
INSERT INTO resource_key (tenant_id, attribute, key, id) VALUES ('$T', 'userName', 'ada', '$T');
INSERT INTO membership (tenant_id, group_id, member_id, member_type, created_at) VALUES ('$T', '$T', '$T', 'User', now());
INSERT INTO member_ref (tenant_id, group_id, value, key, created_at) VALUES ('$T', '$T', 'Bob', 'bob', now());
INSERT INTO group_change (tenant_id, group_id, slot, n, at) VALUES ('$T', '$T', 0, 1, now());
INSERT INTO resource_count (tenant_id, resource_type, slot, n) VALUES ('$T', 'User', 0, 1);
INSERT INTO event (tenant_id, seq, type, resource_type, resource_id, actor, request_id, at)
  VALUES ('$T', 1, 'user.created', 'User', '$T', 'a', 'r', now());
INSERT INTO bookmark (tenant_id, walk, next_index, begun, after_id, total, at) VALUES ('$T', '', 1, '$T', '$T', 1, now());
INSERT INTO leniency_use (tenant_id, leniency, attribute, uses, first_at, last_at) VALUES ('$T', 'x', 'active', 1, now(), now());
INSERT INTO tombstone_key (tenant_id, resource_type, attribute, key, id, deleted_at) VALUES ('$T', 'User', 'name', 'bob', '$T', now());
INSERT INTO event_head (tenant_id, last_seq) VALUES ('$T', 1);
INSERT INTO fold_in (tenant_id, schema_revision, after_id, begun_at, moved_at) VALUES ('$T', 1, '$T', now(), now());
INSERT INTO job (tenant_id, kind, id, state, revision, after_id, begun_at, moved_at)
  VALUES ('$T', 'reconcile', '$T', 'finished', 1, '$T', now(), now());
INSERT INTO plugin (digest, name, version, manifest, wasm, size, created_at) VALUES (replace('$T$T', '-', ''), 'p', '1.0.0', '{}', '', 0, now());
INSERT INTO plugin_release (tenant_id, name, version, digest, dev, created_at) VALUES ('$T', 'p', '1.0.0', replace('$T$T', '-', ''), false, now());
INSERT INTO mapping_plugin (tenant_id, revision, digest, owner, name, version) VALUES ('$T', 1, replace('$T$T', '-', ''), '$T', 'p', '1.0.0');
INSERT INTO oauth_client (tenant_id, id, token_seconds, created_at) VALUES ('$T', '$T', 3600, now());
INSERT INTO oauth_secret (tenant_id, client_id, id, digest, last_four, created_at, expires_at)
  VALUES ('$T', '$T', '$T', sha256('$T'), 'last', now(), now());
INSERT INTO setup_link (tenant_id, id, digest, provider, method, label, credential_days, created_at, created_by, expires_at)
  VALUES ('$T', '$T', sha256('$T'), 'entra', 'token', '', 365, now(), 'a', now());
INSERT INTO used_assertion (tenant_id, digest, expires_at) VALUES ('$T', sha256('$T'), now());
INSERT INTO event_reader (tenant_id, reader, after_seq, at) VALUES ('$T', '$T', 1, now());
INSERT INTO provisioning_log (tenant_id, id, request_id, operation, status, duration_us, failed_id) VALUES ('$T', 'f0000000-0000-7000-8000-000000000001', 'r', 'create', 409, 1, 'f0000000-0000-7000-8000-000000000001');
INSERT INTO health_traffic (tenant_id, slot, requests, lookups, found, users, groups, others, changed, deleted, failed, throttled, refused, pages, listed, total)
  VALUES ('$T', now(), 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
INSERT INTO tenant_health (tenant_id, revision, state, rank, since, codes, seen) VALUES ('$T', 1, 'healthy', 2, now(), '{}', '{}');
INSERT INTO webhook_delivery (tenant_id, id, target, body, created_at, due_at) VALUES ('$T', '$T', 't', '{}', now(), now());
