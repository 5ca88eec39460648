-- Each statement is a transaction of its own: one that locks several tables can meet a writer that locks them in another order.
--
-- The sequencer numbers the events of many tenants in one transaction: with one for each, a thousand tenants cost a commit each
-- where one tenant costs one for all of its events. For that the control role may give an event its number, and count it.
DROP POLICY IF EXISTS numbering ON event;
CREATE POLICY numbering ON event FOR UPDATE TO scimgate_control USING (seq IS NULL) WITH CHECK (seq IS NOT NULL);
GRANT UPDATE (seq, delta) ON event TO scimgate_control;
DROP POLICY IF EXISTS numbering ON event_head;
CREATE POLICY numbering ON event_head TO scimgate_control USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON event_head TO scimgate_control;
DROP POLICY IF EXISTS numbering ON resource_count;
CREATE POLICY numbering ON resource_count TO scimgate_control USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON resource_count TO scimgate_control;
