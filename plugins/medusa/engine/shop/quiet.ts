// Before Medusa is loaded: a test tells nobody that it ran, and its log has what matters.
process.env.MEDUSA_DISABLE_TELEMETRY = 'true';
process.env.LOG_LEVEL ??= 'warn';
// The migrations draw lines as wide as the terminal, and there is none.
process.stdout.columns ??= 80;
