-- Lists of what failed in one action, or to one user, find their rows where they are. Few rows are in these, so they cost others nothing.
CREATE INDEX user_activity_logs_action_failures_idx ON public.user_activity_logs (action_name, "timestamp" DESC, event_id DESC)
    WHERE result_status <> 'success';
CREATE INDEX user_activity_logs_user_failures_idx ON public.user_activity_logs (user_email, "timestamp" DESC, event_id DESC)
    WHERE result_status <> 'success';
