// Prints the tests that `npm test` leaves out.
console.log(
  'npm test leaves out the tests that need a NATS server, Redis or PostgreSQL: npm run test:servers runs them.',
);
