-- The types under which an action of that name was recorded, each found by one step in an index.
SELECT known.type FROM unnest(%(types)s::text[]) AS known (type) CROSS JOIN LATERAL (
    SELECT FROM public.user_activity_logs AS log
    WHERE log."timestamp" >= %(since)s::timestamptz AND log."timestamp" <= %(at)s::timestamptz
        AND log.action_type = known.type AND log.action_name = %(filter_action_name)s::text
    ORDER BY log."timestamp" DESC LIMIT 1
) AS found
