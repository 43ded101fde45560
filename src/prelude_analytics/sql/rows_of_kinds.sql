-- As rows.sql, of an entity's id whatever its kind: some of each kind by index, of which the newest are taken.
SELECT found.* FROM (SELECT unnest(%(kinds)s::text[]) AS kind) AS known CROSS JOIN LATERAL (
    SELECT {columns} FROM public.user_activity_logs AS log
    WHERE log."timestamp" >= %(since)s::timestamptz AND log."timestamp" <= %(at)s::timestamptz
        AND (log."timestamp", log.event_id) < (%(at)s::timestamptz, %(id)s::uuid)
        AND log.entity_type = known.kind AND {conditions}
    ORDER BY log."timestamp" DESC, log.event_id DESC LIMIT %(limit)s::integer
) AS found
UNION ALL
(
    SELECT {columns} FROM public.user_activity_logs AS log
    WHERE log."timestamp" >= %(since)s::timestamptz AND log."timestamp" <= %(at)s::timestamptz
        AND (log."timestamp", log.event_id) < (%(at)s::timestamptz, %(id)s::uuid)
        AND log.entity_type IS NULL AND {conditions}
    ORDER BY log."timestamp" DESC, log.event_id DESC LIMIT %(limit)s::integer
)
ORDER BY "timestamp" DESC, event_id DESC LIMIT %(limit)s::integer
