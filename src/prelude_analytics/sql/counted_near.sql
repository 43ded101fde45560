log.lane_seq <= (%(seqs)s::bigint[])[log.lane]
    AND CASE WHEN log.result_status = 'pending' THEN log.event_id <> ALL(%(ended)s::uuid[]) AND coalesce((
        SELECT false FROM public.superseded_rows AS ended
        WHERE ended.event_id = log.event_id AND ended.lane_seq <= (%(seqs)s::bigint[])[ended.lane]
        LIMIT 1
    ), true) ELSE true END
