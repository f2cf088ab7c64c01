import { optionSchemas, type OptionsSchema, type SectionAgreement } from '@entropynet/core';
import type { WebSocketConfig, WebSocketOptions } from '@entropynet/transport-ws';
import { expect } from 'chai';
import * as v from 'valibot';

/** The section of a transport whose options are declared in the interfaces that all programs see. */
interface WebSocketSection<Input, Output> {
  readonly optionsKey: 'webSocket';
  readonly optionsSchema: OptionsSchema<Input, Output>;
}

const ANY_SCHEMA = { optionsSchema: 'any schema' };

/** What the compiler says about a section whose schema and types differ. */
interface Complaint<Sentence> {
  readonly optionsSchema: Sentence;
}

describe('the types of options', () => {
  it('agree with their schema, or the compiler reports the difference', () => {
    const agreed: SectionAgreement<WebSocketSection<WebSocketOptions, WebSocketConfig>> = ANY_SCHEMA;
    // Each line compiles only while the sentence is the one that the compiler shows.
    const input: SectionAgreement<WebSocketSection<WebSocketOptions & { further?: 1 }, WebSocketConfig>> = {
      optionsSchema: 'the schema takes other options than their interface declares',
    } satisfies Complaint<'the schema takes other options than their interface declares'>;
    const output: SectionAgreement<WebSocketSection<WebSocketOptions, Omit<WebSocketConfig, 'heartbeat'>>> = {
      optionsSchema: 'the schema gives other options than the interface of complete options declares',
    } satisfies Complaint<'the schema gives other options than the interface of complete options declares'>;
    // @ts-expect-error a schema that differs agrees with nothing
    const wrong: SectionAgreement<WebSocketSection<object, WebSocketConfig>> = ANY_SCHEMA;
    expect([agreed, wrong, input, output]).to.have.length(4);
  });

  it('of an undeclared section, or of a schema without types, agree with everything', () => {
    const undeclared: SectionAgreement<{ optionsKey: 'undeclared'; optionsSchema: OptionsSchema<1, 2> }> = 'anything';
    const untyped: SectionAgreement<{ optionsKey: 'webSocket'; optionsSchema: OptionsSchema }> = 'anything';
    expect([undeclared, untyped]).to.have.length(2);
  });

  it('detect a schema without an option of a nested section', () => {
    interface Inner {
      depth?: number | undefined;
      width?: number | undefined;
    }
    interface Outer {
      inner?: Inner | undefined;
    }
    const depth = v.optional(optionSchemas.wholeNumber(1));
    const width = v.optional(optionSchemas.wholeNumber(1));
    const whole = optionSchemas.section({ inner: v.optional(optionSchemas.section({ depth, width })) });
    expect(optionSchemas.schemaOf<Outer, Outer>()(whole)).to.equal(whole);
    const half = optionSchemas.section({ inner: v.optional(optionSchemas.section({ depth })) });
    // @ts-expect-error the width is missing
    expect(optionSchemas.schemaOf<Outer, Outer>()(half)).to.equal(half);
  });
});
