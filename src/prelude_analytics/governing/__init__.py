"""What those who govern do by the API and the dashboard: requests of persons, policies, holds, proposals, receipts, seals."""
