-- The kinds of entity that there are in the weeks of a range, each found by one step in an index.
WITH RECURSIVE kinds AS (
    (
        SELECT log.entity_type AS kind FROM public.user_activity_logs AS log
        WHERE log."timestamp" >= date_trunc('week', %(since)s::timestamptz) AND log."timestamp" < date_trunc('week', %(until)s::timestamptz) + interval '7 days'
            AND log.entity_type IS NOT NULL
        ORDER BY log.entity_type LIMIT 1
    )
    UNION ALL
    SELECT (
        SELECT log.entity_type FROM public.user_activity_logs AS log
        WHERE log."timestamp" >= date_trunc('week', %(since)s::timestamptz) AND log."timestamp" < date_trunc('week', %(until)s::timestamptz) + interval '7 days'
            AND log.entity_type > kinds.kind
        ORDER BY log.entity_type LIMIT 1
    ) FROM kinds WHERE kinds.kind IS NOT NULL
)
SELECT kind FROM kinds WHERE kind IS NOT NULL LIMIT %(most)s::integer
