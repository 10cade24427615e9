// The status page as pages of an HTTP door: `/`, and `/status.json` beside it.

import type { ServerResponse } from 'node:http';
import type { HttpPage } from '../http/app.js';
import { type StaticPage, statusPage } from './page.js';
import type { StatusReporter } from './snapshot.js';

function send(response: ServerResponse, page: StaticPage): void {
  response.writeHead(200, { ...page.headers, 'content-length': Buffer.byteLength(page.body) });
  response.end(page.body);
}

/** The page itself holds nothing secret and must be there to ask for a token; its figures need one where the server has tokens. @internal */
export function statusPages(reporter: StatusReporter): HttpPage[] {
  return [
    {
      path: '/',
      category: 'health',
      handle: (_message, response) => {
        send(response, statusPage());
      },
    },
    {
      path: '/status.json',
      category: 'status-page',
      handle: (_message, response) => {
        send(response, reporter.json());
      },
    },
  ];
}
