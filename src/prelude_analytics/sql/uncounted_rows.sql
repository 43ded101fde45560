-- Of the rows that a list has and the rollups have not counted: their hours, what was done in them and to which kinds of things, and which pending
-- rows they end. And whether the rollups have let go of rows that were pending still at an earlier watermark.
WITH uncounted AS MATERIALIZED (
    SELECT log."timestamp", log.event_id, log.action_type, log.action_name, log.entity_type, log.completes_event_id
    FROM public.user_activity_logs AS log WHERE {uncounted}
)
SELECT
    ARRAY(SELECT DISTINCT extract(epoch FROM date_bin('1 hour', "timestamp", 'epoch'))::bigint FROM uncounted) AS hours,
    ARRAY(SELECT jsonb_build_array(action_type, action_name) FROM uncounted GROUP BY action_type, action_name) AS actions,
    ARRAY(SELECT DISTINCT entity_type FROM uncounted WHERE entity_type IS NOT NULL) AS kinds,
    ARRAY(SELECT completes_event_id FROM uncounted WHERE completes_event_id <> event_id) AS ended,
    EXISTS (
        SELECT FROM (SELECT log.completes_event_id FROM public.user_activity_logs AS log WHERE {overtaken} OFFSET 0) AS log
        WHERE log.completes_event_id IS NOT NULL
    ) AS let_go
