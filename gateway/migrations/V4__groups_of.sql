-- The groups of a member, as an object of their ids and names. A sub-select in its place is set up with every read of a
-- resource, though most have nothing to do for it; a function is called only where there is a membership. It sees what
-- its caller sees: row-level security holds inside.
CREATE FUNCTION groups_of(tenant uuid, member uuid) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT json_object_agg(g.id, g.source::json ->> 'displayName' ORDER BY g.id)::text FROM membership m
    JOIN resource g ON g.tenant_id = m.tenant_id AND g.id = m.group_id AND g.deleted_at IS NULL
    WHERE m.tenant_id = tenant AND m.member_id = member);
END $$;
