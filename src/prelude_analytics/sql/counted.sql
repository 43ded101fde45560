log.lane_seq <= (%(seqs)s::bigint[])[log.lane]
    AND CASE WHEN log.result_status = 'pending' THEN coalesce((
        SELECT false FROM public.user_activity_logs AS completing
        WHERE completing.completes_event_id = log.event_id AND completing.event_id <> log.event_id
            AND completing.lane_seq <= (%(seqs)s::bigint[])[completing.lane]
        LIMIT 1
    ), true) ELSE true END
