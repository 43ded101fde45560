-- Of the next so many rows behind a place that an index gives, compared one by one, those that fit, newest first; and, unless there are more
-- of these than are asked for, the place of the last one that was compared.
SELECT compared.*, false AS stop FROM (
    SELECT {columns} FROM (
        SELECT log.* FROM public.user_activity_logs AS log
        WHERE log."timestamp" >= %(since)s::timestamptz AND log."timestamp" < %(until)s::timestamptz
            AND log."timestamp" <= %(at)s::timestamptz AND (log."timestamp", log.event_id) < (%(at)s::timestamptz, %(id)s::uuid)
            AND {indexed}
        ORDER BY log."timestamp" DESC, log.event_id DESC LIMIT %(portion)s::integer
    ) AS log
    WHERE {conditions} ORDER BY log."timestamp" DESC, log.event_id DESC LIMIT %(limit)s::integer
) AS compared
UNION ALL (
    SELECT {place}, true AS stop FROM public.user_activity_logs AS log
    WHERE log."timestamp" >= %(since)s::timestamptz AND log."timestamp" < %(until)s::timestamptz
        AND log."timestamp" <= %(at)s::timestamptz AND (log."timestamp", log.event_id) < (%(at)s::timestamptz, %(id)s::uuid)
        AND {indexed}
    ORDER BY log."timestamp" DESC, log.event_id DESC OFFSET %(portion)s::integer - 1 LIMIT 1
)
LIMIT %(limit)s::integer
