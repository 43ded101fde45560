(
    SELECT log.* FROM public.user_activity_logs AS log
    WHERE log."timestamp" >= %(since)s::timestamptz AND log."timestamp" <= %(at)s::timestamptz
        AND (log."timestamp", log.event_id) < (%(at)s::timestamptz, %(id)s::uuid)
        AND {indexed}
    ORDER BY log."timestamp" DESC, log.event_id DESC LIMIT (SELECT 9223372036854775807)
)
