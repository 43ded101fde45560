-- The newest failures of each action, from the part of the range in which its last one lies.
SELECT found.*
FROM unnest(%(action_types)s::text[], %(action_names)s::text[], %(firsts)s::timestamptz[], %(lasts)s::timestamptz[])
    AS failing (action_type, action_name, since, until)
CROSS JOIN LATERAL (
    SELECT {columns} FROM public.user_activity_logs AS log
    WHERE log.action_type = failing.action_type AND log.action_name = failing.action_name
        AND log."timestamp" >= failing.since AND log."timestamp" < failing.until
        AND (log.result_status IN ('error', 'timeout') OR (log.result_status = 'pending' AND log."timestamp" < %(cut)s::timestamptz))
        AND {conditions}
    ORDER BY log."timestamp" DESC, log.event_id DESC LIMIT %(examples)s
) AS found
